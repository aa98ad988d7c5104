-- Sends one fixed request, read from the files named by the first two arguments (headers, body), and prints what happened
-- as JSON. The request is built once: no Lua runs while it is sent and answered.
-- With a third argument, a file of keys, each request has the next of them, and is put together from three parts.
local function lines_of(path)
  local lines = {}
  for line in io.lines(path) do lines[#lines + 1] = line end
  return lines
end

local function take_turns(keys)
  wrk.headers["Authorization"] = "Bearer KEY"
  local before, after = wrk.format():match("^(.-Bearer )KEY(.*)$")
  local at = 0
  -- wrk asks for every request where there is such a function.
  function request()
    at = at % #keys + 1
    return before .. keys[at] .. after
  end
end

function init(arguments)
  wrk.method = "POST"
  for _, line in ipairs(lines_of(arguments[1])) do
    local name, value = line:match("^([^:]+): (.*)$")
    wrk.headers[name] = value
  end
  local body = io.open(arguments[2], "rb")
  wrk.body = body:read("*a")
  body:close()
  if arguments[3] then take_turns(lines_of(arguments[3])) end
end

function done(summary, latency, _)
  local failed = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "us": %d, "refused": %d, "failed": %d, "p50": %d, "p99": %d, "p999": %d, "max": %d}\n',
    summary.requests, summary.duration, failed.status,
    failed.connect + failed.read + failed.write + failed.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max))
end
