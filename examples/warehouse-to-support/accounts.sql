SELECT a.id, a.name, a.domain, a.plan, a.monthly_spend,
       CASE WHEN u.days_idle > 30 THEN 'red'
            WHEN u.days_idle > 7 THEN 'yellow' ELSE 'green' END AS health
FROM account a JOIN usage u ON u.account_id = a.id
