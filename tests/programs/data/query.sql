-- Tables, indexes, triggers, recursion, windows and a transaction that is rolled back, in a database file.
create table shell(id integer primary key, name text not null, size real, found date);
create index by_size on shell(size);
insert into shell(name, size, found) values
  ('abalone', 12.5, '2024-05-01'), ('cowrie', 3.25, '2024-05-02'), ('nautilus', 20, '2024-06-01'),
  ('oyster', 8.75, '2024-06-03'), ('limpet', 2, '2024-06-03');
create table log(entry text);
create trigger noted after update on shell begin
  insert into log values (old.name || ': ' || old.size || ' -> ' || new.size);
end;
update shell set size = size * 2 where name in ('cowrie', 'limpet');
select * from log;
select strftime('%m', found) as month, count(*), round(avg(size), 3), group_concat(name, '+') from shell group by month;
select name, rank() over (order by size desc) from shell order by name;
begin;
delete from shell;
select count(*) from shell;
rollback;
select count(*) from shell;
create table number(n integer, text text);
with recursive counter(n) as (select 1 union all select n + 1 from counter where n < 20000)
  insert into number select n, printf('number %05d', n) from counter;
create index by_text on number(text);
select count(*), sum(n), max(length(text)) from number where text like '%7%';
select a.n, b.n from number a join number b on b.text = 'number ' || printf('%05d', a.n * 3) where a.n between 6664 and 6668;
explain query plan select * from number where text = 'x';
select hex(cast('nacre' as blob)), typeof(1.0), 7 / 2, 7 % 2, abs(-3), substr('nautilus', 2, 4), 1e3 + 0.5;
