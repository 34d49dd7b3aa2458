-- The server's process is killed, then the daemon behind it: both come back, and what was typed meanwhile is known.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local server, status = require('advisor.server'), require('advisor.status')

local function hub()
  local lock = vim.fn.glob(os.getenv('XDG_RUNTIME_DIR') .. '/nas-advisor/*.lock')
  return tonumber(vim.fn.readfile(lock)[1])
end

local function children()
  return vim.api.nvim_get_proc_children(vim.fn.getpid())
end

local function traced()
  return (status.of(0) or {}).state == 'traced' and P.finding('CHN101')
end

--- Whether a finding says a text.
local function about(text)
  return function()
    for _, found in ipairs(P.findings()) do
      if found.message:find(text, 1, true) then
        return true
      end
    end
  end
end

--- Kill a process; wait until the plugin has seen that its server is gone.
local function kill(pid, old)
  vim.loop.kill(pid, 'sigkill')
  P.wait('the server to be gone', function()
    local client = server.client(0)
    return not client and require('advisor').status() == '' or client and client.id ~= old
  end)
end

local function back(old)
  return P.wait('another server', function()
    local client = server.client(0)
    return client and client.id ~= old and client
  end)
end

P.run(function()
  P.open(os.getenv('ADVISOR_FILE'))
  local first = P.wait('the server', function() return server.client(0) end)
  P.wait('the finding', traced)
  P.note('children', #children())
  kill(children()[1], first.id)
  local second = back(first.id)
  P.wait('the finding after the kill', traced)
  P.note('line', P.finding('CHN101').line)

  kill(hub(), second.id)
  P.note('status_without', require('advisor').status()) -- the next one waits a second
  P.type_over('68', '76')
  back(second.id)
  P.wait('a finding in what was typed meanwhile', about('got 76'))
  P.type_over('76', '84')
  P.wait('a finding in what was typed since', about('got 84'))
  P.note('clients', #(vim.lsp.get_clients or vim.lsp.get_active_clients)())
end)
