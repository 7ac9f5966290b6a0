"""Letters that machines write about an earlier mail: delivery reports, complaints, automatic replies."""
