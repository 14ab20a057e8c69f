-- The same in the name of the tables' owner, who sees all.
\set no random(1, :pairs)
SELECT answer.items FROM benchmark_reader drawn
CROSS JOIN LATERAL benchmark_feed_without_policies(
    drawn.reader, drawn.event, 'v2', 50, '{"removed","deleted","nobody"}'
) answer
WHERE drawn.no = :no;
