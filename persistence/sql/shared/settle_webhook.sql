UPDATE webhook SET handled = 1 WHERE transmission_id = $1
