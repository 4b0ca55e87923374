-- What a pin is judged by, of one moment: the view's version, whether the node has ever joined, and a pin of another
-- performance in the same bucket to another node.
SELECT version, EXISTS (SELECT 1 FROM node WHERE node_id = $3), other.performance_id, other.node
FROM cluster_view
LEFT JOIN pin AS other ON other.bucket = $2 AND other.node <> $3 AND other.performance_id <> $1
ORDER BY other.performance_id
LIMIT 1
