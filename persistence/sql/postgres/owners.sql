SELECT bucket, epoch FROM bucket_owner WHERE bucket = ANY ($1::int[])
