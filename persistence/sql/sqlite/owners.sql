SELECT bucket, epoch FROM bucket_owner WHERE bucket IN (SELECT value FROM json_each($1))
