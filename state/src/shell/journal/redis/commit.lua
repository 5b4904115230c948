-- Appends one commit to the logs of some slots, if their owner says so: to all of them, or to none. The keys of a slot have its hash tag, so in a cluster it is one at a time.
-- KEYS  of each slot: its owner, its log
-- ARGV  1 mark; then of each slot: epoch of the writer, commit before this one, this commit, records or nothing, what names this run of the server or nothing
-- A mark is b where a checkpoint begins, d where one is done, bd for both, or nothing.
-- Gives a number, and the place of the slot that is the reason. 1: done (before, perhaps). -1: it has a newer owner. -2: what was confirmed is not there.
local FIELDS = 5
local checkpoints, lost = {}, 0
for i = 1, #KEYS / 2 do
  local at = 1 + (i - 1) * FIELDS
  local owner = redis.call('HMGET', KEYS[2 * i - 1], 'epoch', 'last', 'checkpoint')
  local epoch, last, mine = tonumber(owner[1] or '0'), owner[2] or '', tonumber(ARGV[at + 1])
  if epoch > mine then
    return {-1, i}
  elseif epoch == mine and last == ARGV[at + 3] and last ~= ARGV[at + 2] then
    checkpoints[i] = false
  elseif epoch < mine or last ~= ARGV[at + 2] then
    redis.call('UNLINK', KEYS[2 * i])
    redis.call('HSET', KEYS[2 * i - 1], 'last', '', 'tail', '')
    lost = i
  else
    checkpoints[i] = owner[3] or ''
  end
end
if lost > 0 then
  return {-2, lost}
end
local begins, done = string.sub(ARGV[1], 1, 1) == 'b', string.sub(ARGV[1], -1) == 'd'
for i, checkpoint in ipairs(checkpoints) do
  local at, owner, log = 1 + (i - 1) * FIELDS, KEYS[2 * i - 1], KEYS[2 * i]
  local commit, records, server = ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
  if server ~= '' then
    redis.call('HSET', owner, 'server', server)
  end
  if checkpoint then
    if records ~= '' then
      redis.call('XADD', log, commit, 'r', records)
      redis.call('HSET', owner, 'last', commit, 'tail', commit)
    end
    if begins then
      checkpoint = commit
      redis.call('HSET', owner, 'checkpoint', checkpoint)
    end
    if done and checkpoint ~= '' then
      redis.call('XTRIM', log, 'MINID', checkpoint)
      if redis.call('XLEN', log) == 0 then
        redis.call('HSET', owner, 'tail', '')
      end
    end
  end
end
return {1, 0}
