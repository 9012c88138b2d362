{{ config(
    materialized='incremental',
    partition_by='business_day',
    meta={'rebuild_days': 'sale_costs_days'}
) }}

{#- What the goods of a purchase cost the shop, as far as stock events say it. Items that no receipt came before are left out of
    all sums. -#}
select
    costed.business_day,
    costed.event_id,
    {{ cost_sums() }}
from {{ costed_items() }} as costed
group by costed.business_day, costed.event_id
