INSERT INTO coupon_campaign (campaign_id, request_id, fingerprint, display_name, terms, stock, per_member_max, opens_at_ms,
    ends_at_ms, returns_on_refund, is_birthday, created_at_ms, updated_at_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)
ON CONFLICT DO NOTHING
