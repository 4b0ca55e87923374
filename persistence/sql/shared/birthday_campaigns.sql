SELECT campaign_id, request_id, fingerprint, display_name, terms, stock, issued, per_member_max, opens_at_ms, ends_at_ms,
    returns_on_refund, is_birthday, created_at_ms, updated_at_ms
FROM coupon_campaign
WHERE is_birthday AND (ends_at_ms IS NULL OR ends_at_ms > $1) AND campaign_id > $2
ORDER BY campaign_id
LIMIT $3
