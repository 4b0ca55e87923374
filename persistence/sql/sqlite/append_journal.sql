INSERT INTO journal (performance_id, sequence, epoch, at_ms, kind, body) VALUES
