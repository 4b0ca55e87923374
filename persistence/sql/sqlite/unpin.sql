DELETE FROM pin WHERE performance_id = $1 RETURNING performance_id
