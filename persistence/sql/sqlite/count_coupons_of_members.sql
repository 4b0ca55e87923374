-- How many coupons of a campaign each of these members was ever issued; members without one are left out.
SELECT c.member_id, count(*)
FROM json_each($2) AS asked
CROSS JOIN coupon c ON c.campaign_id = $1 AND c.member_id = asked.value
GROUP BY c.member_id
