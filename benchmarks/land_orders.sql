-- A load of a day. One row in ten has a timestamp; some are bad, repeated or superseded; some were on another day of
-- the last month before.
insert into raw.orders (_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status)
select
    %(load)s, %(day)s, n,
    case
        when n %% 500 = 11 then %(day)s::date - 1 - (n / 500) %% %(days)s || '-' || (n * 7 + 1) %% %(earlier)s
        else %(day)s || '-' || number
    end,
    case
        when n %% 1000 = 1 then ' '
        else 'c' || (hashint4extended(number, %(seed)s) & 2147483647) %% %(customers)s
    end,
    case
        when n %% 1000 = 2 then '-1.00'
        when n %% 1000 = 3 then '19.999'
        when n %% 1000 = 4 then 'twelve'
        else round((hashint4extended(number + 7 * (n %% 1000 = 6)::int, %(seed)s) & 65535) / 200.0, 2)::text
    end,
    case
        when n %% 1000 = 5 then (%(day)s::date - 1)::text
        when number %% 10 = 5 then %(day)s || 'T12:34:56+00:00'
        when number %% 10 = 6 then %(day)s || 'T12:34:56'
        else %(day)s::text
    end,
    case when number %% 20 = 0 then 'cancelled' else 'delivered' end
from (
    -- 6 changes the order before it, 8 repeats the order before it
    select n, case when n %% 1000 in (6, 8) then n - 1 else n end as number from generate_series(1, %(rows)s) as n
) as numbered
