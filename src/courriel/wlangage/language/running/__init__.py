"""Running a program: values, types, statements, expressions."""
