-- Appends one commit to the log of one slot, if its owner says so. Both keys have the slot's hash tag.
-- KEYS  1 the slot's owner   2 its log
-- ARGV  1 epoch of the writer   2 commit before this one   3 this commit   4 records, or nothing   5 mark   6 what names this run of the server, or nothing
-- A mark is b where a checkpoint begins, d where one is done, bd for both.
-- Gives 1: done, 0: was done before, -1: the slot has a newer owner, -2: what was confirmed is not there.
local owner = redis.call('HMGET', KEYS[1], 'epoch', 'last', 'checkpoint')
local epoch = tonumber(owner[1] or '0')
if epoch > tonumber(ARGV[1]) then
  return -1
end
if epoch == tonumber(ARGV[1]) and owner[2] == ARGV[3] and ARGV[2] ~= ARGV[3] then
  return 0
end
if epoch < tonumber(ARGV[1]) or (owner[2] or '') ~= ARGV[2] then
  redis.call('UNLINK', KEYS[2])
  redis.call('HSET', KEYS[1], 'last', '', 'tail', '')
  return -2
end
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'server', ARGV[6])
end
if ARGV[4] ~= '' then
  redis.call('XADD', KEYS[2], ARGV[3], 'r', ARGV[4])
  redis.call('HSET', KEYS[1], 'last', ARGV[3], 'tail', ARGV[3])
end
if ARGV[5] ~= '' then
  local checkpoint = owner[3]
  if string.sub(ARGV[5], 1, 1) == 'b' then
    checkpoint = ARGV[3]
    redis.call('HSET', KEYS[1], 'checkpoint', checkpoint)
  end
  if string.sub(ARGV[5], -1) == 'd' and checkpoint then
    redis.call('XTRIM', KEYS[2], 'MINID', checkpoint)
    if redis.call('XLEN', KEYS[2]) == 0 then
      redis.call('HSET', KEYS[1], 'tail', '')
    end
  end
end
return 1
