"""What was received, read leniently: all of it is shown, none is believed, and nothing costs more than its size."""
