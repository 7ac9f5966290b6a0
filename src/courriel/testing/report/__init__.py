"""`--mail-report`: a page of every mail that a test suite sent, compared with the run before."""
