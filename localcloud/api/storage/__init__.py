"""Cloud Storage: buckets, objects and their bytes, uploads, plain downloads."""
