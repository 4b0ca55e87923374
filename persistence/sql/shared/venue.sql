SELECT venue_id, request_id, fingerprint, display_name, body, created_at_ms
FROM venue
WHERE venue_id = $1
