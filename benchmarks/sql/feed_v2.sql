-- A feed of 50 by v2 as the application asks for it, policies and all; `pairs` is how many readers there are.
\set no random(1, :pairs)
SELECT answer.items FROM benchmark_reader drawn
CROSS JOIN LATERAL feed_page_as(
    drawn.reader, NULL, NULL, drawn.event, 'v2', 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 50,
    '{"removed","deleted","nobody"}'
) answer
WHERE drawn.no = :no;
