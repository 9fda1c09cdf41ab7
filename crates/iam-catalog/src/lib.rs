//! iam-catalog
