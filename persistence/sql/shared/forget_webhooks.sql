DELETE FROM webhook WHERE handled = 1 AND received_at_ms < $1
