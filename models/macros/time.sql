{# The business clock. What Spark says here does not depend on the time zone of its session. #}

{# The business day that an instant falls on. #}
{% macro business_day(instant) -%}
{{ adapter.dispatch('business_day', 'cartograph')(instant) }}
{%- endmacro %}

{% macro default__business_day(instant) -%}
cast(({{ instant }} at time zone '{{ var("business_timezone") }}') as date)
{%- endmacro %}

{% macro spark__business_day(instant) -%}
date_from_unix_date(cast(floor(
        unix_micros(from_utc_timestamp({{ instant }}, '{{ var("business_timezone") }}')) / 86400000000) as int))
{%- endmacro %}

{# The instant at which a business day begins. #}
{% macro day_start(day) -%}
{{ adapter.dispatch('day_start', 'cartograph')(day) }}
{%- endmacro %}

{% macro default__day_start(day) -%}
cast({{ day }} as timestamp) at time zone '{{ var("business_timezone") }}'
{%- endmacro %}

{% macro spark__day_start(day) -%}
to_utc_timestamp(timestamp_micros(unix_date({{ day }}) * 86400000000), '{{ var("business_timezone") }}')
{%- endmacro %}

{# The instant at which the hour of the business clock began. An instant and not a wall clock's time, so that the hour that
   a clock change repeats stays two hours. #}
{% macro hour_start(instant) -%}
{{ adapter.dispatch('hour_start', 'cartograph')(instant) }}
{%- endmacro %}

{% macro default__hour_start(instant) -%}
{{ instant }} - (
    ({{ instant }} at time zone '{{ var("business_timezone") }}')
    - date_trunc('hour', {{ instant }} at time zone '{{ var("business_timezone") }}'))
{%- endmacro %}

{% macro spark__hour_start(instant) -%}
timestamp_micros(unix_micros({{ instant }}) - pmod(
    unix_micros(from_utc_timestamp({{ instant }}, '{{ var("business_timezone") }}')), 3600000000))
{%- endmacro %}

{# Microseconds since 1970. #}
{% macro microseconds(instant) -%}
{{ adapter.dispatch('microseconds', 'cartograph')(instant) }}
{%- endmacro %}

{% macro default__microseconds(instant) -%}
cast(extract(epoch from {{ instant }}) * 1000000 as bigint)
{%- endmacro %}

{% macro duckdb__microseconds(instant) -%}
epoch_us({{ instant }})
{%- endmacro %}

{% macro spark__microseconds(instant) -%}
unix_micros({{ instant }})
{%- endmacro %}

{# The days that an incremental run rebuilds as a column of rows, to be selected. #}
{% macro touched_days() -%}
{{ adapter.dispatch('touched_days', 'cartograph')() }}
{%- endmacro %}

{% macro duckdb__touched_days() -%}
unnest([{{ var('touched_days') }}])
{%- endmacro %}

{% macro spark__touched_days() -%}
explode(array({{ var('touched_days') }}))
{%- endmacro %}

{% macro postgres__touched_days() -%}
unnest(array[{{ var('touched_days') }}])
{%- endmacro %}

{# Each day from one to another, both included, as a column of rows. #}
{% macro days_between(first, last) -%}
{{ adapter.dispatch('days_between', 'cartograph')(first, last) }}
{%- endmacro %}

{% macro duckdb__days_between(first, last) -%}
cast(unnest(generate_series(
        cast({{ first }} as timestamp),
        cast({{ last }} as timestamp),
        interval 1 day)) as date)
{%- endmacro %}

{% macro spark__days_between(first, last) -%}
explode(sequence({{ first }}, {{ last }}))
{%- endmacro %}

{% macro postgres__days_between(first, last) -%}
cast(generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as date)
{%- endmacro %}
