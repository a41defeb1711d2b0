-- A token bucket: takes one try, or tells the milliseconds until there is one again.
-- KEYS[1] the bucket; ARGV[1] how many tries it holds; ARGV[2] the milliseconds after which it has one more.
-- The time is the server's own, so that nodes whose clocks differ share a bucket all the same.
local burst, refill_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local kept = redis.call('HMGET', KEYS[1], 'left', 'at')
local left, at = tonumber(kept[1]), tonumber(kept[2])
-- A clock that was set back gives nothing, and takes nothing.
if not left or at > now then
    left, at = left or burst, now
end
local gained = math.floor((now - at) / refill_ms)
left, at = math.min(burst, left + gained), at + gained * refill_ms
if left == 0 then
    return refill_ms - (now - at)
end
redis.call('HSET', KEYS[1], 'left', left - 1, 'at', at)
-- A full bucket has nothing to remember.
redis.call('PEXPIRE', KEYS[1], (burst + 1) * refill_ms)
return 0
