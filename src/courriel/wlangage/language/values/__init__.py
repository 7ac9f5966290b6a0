"""Values of programs: conversions and operators, arrays and structures."""
