-- Takes a slot: whoever had it can write nothing any more. Both keys have the slot's hash tag.
-- KEYS  1 the slot's owner   2 its log
-- ARGV  1 number of shards   2 what names this run of the server   3 whether all that was confirmed is on its disk, 1 or 0
-- Gives the new epoch, the last commit or nothing, the last entry of the log or nothing, and why the log was given up or nothing.
local known = redis.call('HMGET', KEYS[1], 'shards', 'server', 'last', 'tail')
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
local last, tail = known[3] or '', known[4] or ''
local why = ''
if last ~= '' and known[1] ~= ARGV[1] then
  why = 'shards'
elseif last ~= '' and known[2] ~= ARGV[2] and ARGV[3] ~= '1' then
  why = 'server'
end
if why ~= '' then
  redis.call('UNLINK', KEYS[2])
  last, tail = '', ''
end
redis.call('HSET', KEYS[1], 'shards', ARGV[1], 'server', ARGV[2], 'last', last, 'tail', tail)
redis.call('HDEL', KEYS[1], 'checkpoint')
return {epoch, last, tail, why}
