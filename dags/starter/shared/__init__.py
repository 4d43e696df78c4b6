"""Code that DAGs, operators and sensors share."""
