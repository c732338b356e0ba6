{# Where engines differ. Redshift takes PostgreSQL's macros where it has none of its own. #}

{# Microseconds from one instant to another: whole numbers, which add up to the same sum in any order. #}
{% macro micros_between(since, until) %}{{ return(adapter.dispatch('micros_between')(since, until)) }}{% endmacro %}
{% macro default__micros_between(since, until) %}date_diff('microsecond', {{ since }}, {{ until }}){% endmacro %}
{% macro postgres__micros_between(since, until) %}cast(extract(epoch from ({{ until }} - {{ since }})) * 1000000 as bigint){% endmacro %}
{% macro redshift__micros_between(since, until) %}datediff(microsecond, {{ since }}, {{ until }}){% endmacro %}
{% macro spark__micros_between(since, until) %}(unix_micros({{ until }}) - unix_micros({{ since }})){% endmacro %}

{# An instant, or a day, some months later. #}
{% macro months_later(at, months) %}{{ return(adapter.dispatch('months_later')(at, months)) }}{% endmacro %}
{% macro default__months_later(at, months) %}({{ at }} + interval '{{ months }} months'){% endmacro %}
{% macro redshift__months_later(at, months) %}dateadd(month, {{ months }}, {{ at }}){% endmacro %}
{% macro spark__months_later(at, months) %}({{ at }} + interval {{ months }} month){% endmacro %}

{% macro day_later(at) %}{{ return(adapter.dispatch('day_later')(at)) }}{% endmacro %}
{% macro default__day_later(at) %}({{ at }} + interval '1 day'){% endmacro %}
{% macro redshift__day_later(at) %}dateadd(day, 1, {{ at }}){% endmacro %}
{% macro spark__day_later(at) %}({{ at }} + interval 1 day){% endmacro %}

{# A fraction of 64 bits. #}
{% macro as_double(value) %}{{ return(adapter.dispatch('as_double')(value)) }}{% endmacro %}
{% macro default__as_double(value) %}cast({{ value }} as double precision){% endmacro %}
{% macro spark__as_double(value) %}cast({{ value }} as double){% endmacro %}

{# A fraction to nine places: engines differ in the last bit. #}
{% macro nine_places(value) %}{{ return(adapter.dispatch('nine_places')(value)) }}{% endmacro %}
{% macro default__nine_places(value) %}round({{ value }}, 9){% endmacro %}
{% macro postgres__nine_places(value) %}round(cast({{ value }} as numeric), 9){% endmacro %}
{% macro redshift__nine_places(value) %}round({{ value }}, 9){% endmacro %}

{# How many rows fulfil a condition, as a whole number of 64 bits. #}
{% macro count_where(condition) %}cast(sum(case when {{ condition }} then 1 else 0 end) as bigint){% endmacro %}
