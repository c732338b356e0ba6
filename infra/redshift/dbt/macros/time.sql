{# Microseconds from one instant to another: whole numbers, which add up to the same sum in any order. #}
{% macro micros_between(since, until) %}{{ return(adapter.dispatch('micros_between')(since, until)) }}{% endmacro %}
{% macro default__micros_between(since, until) %}date_diff('microsecond', {{ since }}, {{ until }}){% endmacro %}
{% macro redshift__micros_between(since, until) %}datediff(microsecond, {{ since }}, {{ until }}){% endmacro %}
{% macro spark__micros_between(since, until) %}(unix_micros({{ until }}) - unix_micros({{ since }})){% endmacro %}

{# An instant some months later. #}
{% macro months_later(at, months) %}{{ return(adapter.dispatch('months_later')(at, months)) }}{% endmacro %}
{% macro default__months_later(at, months) %}({{ at }} + interval '{{ months }} months'){% endmacro %}
{% macro redshift__months_later(at, months) %}dateadd(month, {{ months }}, {{ at }}){% endmacro %}
{% macro spark__months_later(at, months) %}add_months({{ at }}, {{ months }}){% endmacro %}

{% macro day_later(at) %}{{ return(adapter.dispatch('day_later')(at)) }}{% endmacro %}
{% macro default__day_later(at) %}({{ at }} + interval '1 day'){% endmacro %}
{% macro redshift__day_later(at) %}dateadd(day, 1, {{ at }}){% endmacro %}
{% macro spark__day_later(at) %}({{ at }} + interval 1 day){% endmacro %}
