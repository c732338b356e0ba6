{# Fails with every row that the model has and the published table lacks, and the reverse.
   `rounded` columns are fractions, compared to nine places. #}
{% test equals_published(model, published, columns, rounded=[], only='true') %}
{%- set compared -%}
    {%- for column in columns %}{{ column }}, {% endfor -%}
    {%- for column in rounded %}{{ nine_places(column) }} as {{ column }}, {% endfor -%}
    1 as one
{%- endset %}
with
    ours as (select {{ compared }} from {{ model }}),
    theirs as (select {{ compared }} from {{ published }} where {{ only }})
select 'only in the model' as side, missing.* from (select * from ours except select * from theirs) as missing
union all
select 'only published' as side, missing.* from (select * from theirs except select * from ours) as missing
union all
-- Sets hide repeated rows; counts do not.
select 'other count', theirs.* from theirs
where (select count(*) from ours) <> (select count(*) from theirs)
{% endtest %}
