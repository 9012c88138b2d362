{# Joins rows that have a product_id and a business_day with what the shop's lists say of the product on that day. #}
{% macro join_products(rows) -%}
left join {{ ref('products') }} as products
        on products.product_id = {{ rows }}.product_id
        and products.valid_from <= {{ rows }}.business_day
        and products.valid_to > {{ rows }}.business_day
{%- endmacro %}

{# An amount as a whole number of ten-thousandths. #}
{% macro ten_thousandths(amount) -%}
cast(cast({{ amount }} as decimal(38, 4)) * 10000 as {{ type_whole() }})
{%- endmacro %}

{# What falls to the first parts of a whole when an amount is shared among them: amount x upto / whole, rounded half up to four
    decimals. The shares of all parts, each what falls to it and those before it less what falls to those before it, come to
    the amount exactly. `upto` and `whole` are whole numbers, the whole is above 0; all are ten-thousandths or all are pieces.

    64 bits, many times as fast as more, hold the product of amounts of up to 200,000. Where amount x whole would not even fit into
    37 digits, parts are told apart less finely, and the sum stays exact. (No whole has 31 digits, so that amounts below 100 need not be
    told apart from 100, and a quotient here has no more digits than every engine can hold.) #}
{% macro share_until(amount, upto, whole) -%}
{%- set total = ten_thousandths(amount) -%}
{%- set most = whole_quotient('cast(10000000000000000000000000000000000000 as ' ~ type_whole() ~ ')', 'greatest(' ~ total ~ ', 1000000)') -%}
{%- set grain = whole_quotient(whole, most) ~ ' + 1' -%}
{%- set wholes = whole_quotient(whole, grain) -%}
cast(case
            when {{ amount }} <= 200000 and {{ whole }} <= 2000000000 then
                {{ quotient(
                    '2 * cast(' ~ amount ~ ' * 10000 as bigint) * cast(' ~ upto ~ ' as bigint) + cast(' ~ whole ~ ' as bigint)',
                    '2 * cast(' ~ whole ~ ' as bigint)') }}
            else
                {{ whole_quotient('2 * ' ~ total ~ ' * (' ~ whole_quotient(upto, grain) ~ ') + ' ~ wholes, '2 * (' ~ wholes ~ ')') }}
        end as decimal(34, 0)) * cast(0.0001 as decimal(4, 4))
{%- endmacro %}

{# The share of a part, of the rows `baskets`. Most purchases are of one category alone, and need no division. #}
{% macro basket_share(amount) -%}
cast(case
            when baskets.weight = baskets.whole then {{ amount }}
            when {{ amount }} is not null then
                {{ share_until(amount, 'baskets.upto', 'baskets.whole') }}
                - {{ share_until(amount, '(baskets.upto - baskets.weight)', 'baskets.whole') }}
        end as decimal(38, 4))
{%- endmacro %}
