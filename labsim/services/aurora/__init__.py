"""Amazon Aurora: a writer, its readers, one endpoint for each, and the reads that they answer."""
