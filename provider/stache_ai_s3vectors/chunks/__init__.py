"""Pure: a Stache chunk to an S3 Vectors record and back, filters, and checks of arguments."""
