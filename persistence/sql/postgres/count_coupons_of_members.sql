-- How many coupons of a campaign each of these members was ever issued; members without one are left out.
SELECT c.member_id, count(*)
FROM json_array_elements_text($2::json) AS asked (value)
JOIN coupon c ON c.campaign_id = $1 AND c.member_id = asked.value
GROUP BY c.member_id
