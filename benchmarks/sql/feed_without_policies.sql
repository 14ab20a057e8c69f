-- The same statement as the application's in the name of the tables' owner, whose policy lets all pass: what is left is
-- what policies cost.
CREATE OR REPLACE FUNCTION benchmark_feed_without_policies(
    person uuid, place uuid, named text, page integer, wording text[], OUT items text
) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('role', 'none', true), set_config('callboard.user_id', person::text, true),
            set_config('statement_timeout', '15s', true), set_config('lock_timeout', '5s', true);
    SELECT answer.items INTO items FROM public.feed_page(
        place, named, 'infinity', 'ffffffff-ffff-ffff-ffff-ffffffffffff', page, wording
    ) answer;
END $$
