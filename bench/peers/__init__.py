"""Those who run beside us, each in the best mode that its documentation describes."""
