UPDATE coupon_campaign SET issued = issued + $2 WHERE campaign_id = $1
