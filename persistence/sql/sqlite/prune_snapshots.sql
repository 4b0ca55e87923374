DELETE FROM snapshot
WHERE performance_id = $1 AND sequence NOT IN (
    SELECT sequence FROM snapshot WHERE performance_id = $1 ORDER BY sequence DESC LIMIT 2
)
