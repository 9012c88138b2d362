{# Whole numbers of up to 38 digits, for what 64 bits do not hold. #}
{% macro type_whole() -%}
{{ adapter.dispatch('type_whole', 'cartograph')() }}
{%- endmacro %}

{% macro default__type_whole() -%}
decimal(38, 0)
{%- endmacro %}

{% macro duckdb__type_whole() -%}
hugeint
{%- endmacro %}

{# The quotient of two of them, cut off behind the point. #}
{% macro whole_quotient(dividend, divisor) -%}
{{ adapter.dispatch('whole_quotient', 'cartograph')(dividend, divisor) }}
{%- endmacro %}

{% macro default__whole_quotient(dividend, divisor) -%}
div({{ dividend }}, {{ divisor }})
{%- endmacro %}

{% macro duckdb__whole_quotient(dividend, divisor) -%}
({{ dividend }}) // ({{ divisor }})
{%- endmacro %}

{# `div` would give 64 bits, and more digits than those be lost in silence. Without the remainder the quotient is whole, and
   so nothing is rounded; 32 digits fit, and more are an error, which dbt-spark's mode would make a null of. The function of one
   pair is there to say each of the two once, or quotients of quotients would grow without end. #}
{% macro spark__whole_quotient(dividend, divisor) -%}
transform(array(struct({{ dividend }} as dividend, {{ divisor }} as divisor)), pair -> coalesce(
        cast((pair.dividend - pair.dividend % pair.divisor) / pair.divisor as decimal(38, 0)),
        case when pair.dividend is not null and pair.divisor <> 0 then
            cast(raise_error('a quotient of more than 32 digits') as decimal(38, 0)) end))[0]
{%- endmacro %}

{# The quotient of two integers of at most 64 bits, cut off behind the point. #}
{% macro quotient(dividend, divisor) -%}
{{ adapter.dispatch('quotient', 'cartograph')(dividend, divisor) }}
{%- endmacro %}

{% macro default__quotient(dividend, divisor) -%}
({{ dividend }}) / ({{ divisor }})
{%- endmacro %}

{% macro duckdb__quotient(dividend, divisor) -%}
({{ dividend }}) // ({{ divisor }})
{%- endmacro %}

{% macro spark__quotient(dividend, divisor) -%}
({{ dividend }}) div ({{ divisor }})
{%- endmacro %}

{# amount / count as decimal(38,4), rounded half up, without a step through floating point. Null when count is 0. #}
{% macro exact_ratio(amount, count) -%}
case when {{ count }} > 0 then
    cast({{ whole_quotient(
        'cast((' ~ amount ~ ') * 10000 as ' ~ type_whole() ~ ') * 2 + ' ~ count,
        '2 * cast(' ~ count ~ ' as ' ~ type_whole() ~ ')') }} as decimal(34, 0))
    * cast(0.0001 as decimal(4, 4))
end
{%- endmacro %}

{# part / whole with eight decimals, rounded half up, for shares that may be tiny. Null when whole is 0. #}
{% macro exact_share(part, whole) -%}
cast({{ exact_ratio('cast(' ~ part ~ ' as ' ~ type_whole() ~ ') * 10000', whole) }} as decimal(14, 4))
    * cast(0.0001 as decimal(4, 4))
{%- endmacro %}
