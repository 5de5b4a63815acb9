//! Where hours land: S3 or a directory, behind one trait.
