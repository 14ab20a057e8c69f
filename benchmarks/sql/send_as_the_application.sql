-- As the application sends: the function with every guard, which takes the role and the person first, in one trip.
\set no random(1, :pairs)
SELECT sent.* FROM benchmark_pair pair
CROSS JOIN LATERAL messaging_send_as(
    pair.sender, NULL, NULL, pair.conversation, uuidv7(), :text, (:read_only)::text[],
    (SELECT stamp FROM messaging_gatestamp), 'pass'
) sent
WHERE pair.no = :no;
