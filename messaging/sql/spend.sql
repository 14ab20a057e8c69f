-- Makes sure that each of these counts of a day has a row, in one order for all workers; the ORM's upsert returns nothing
-- of what was there. By primary key.
INSERT INTO messaging_spend (day, "of", name, amount)
SELECT %(day)s, wanted."of", wanted.name, 0
FROM unnest(%(ofs)s::text[], %(names)s::text[]) AS wanted ("of", name)
ORDER BY wanted."of", wanted.name
ON CONFLICT DO NOTHING
