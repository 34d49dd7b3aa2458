--- The language servers, one for each root: started, attached to buffers, started again when they die.

local actions = require('advisor.actions')
local editor = require('advisor.editor')
local following = require('advisor.following')
local lenses = require('advisor.lenses')
local options = require('advisor.options')
local program = require('advisor.program')
local python = require('advisor.python')
local roots = require('advisor.root')
local say = require('advisor.say')
local status = require('advisor.status')
local trust = require('advisor.trust')

local M = {}

--- Milliseconds before each try after the server died.
M.delays = { 0, 1000, 3000, 10000, 30000 }
local STEADY = 60000 -- ms: one that lived for as long did not die of its start

-- root → { root, id, since, deaths, timer, wanted: to be running, resting: to be started by the person only,
-- place: what holds its place while it is away, curbed: started without variables that lead into its root }
local servers = {}
local leaving = false

local function told(server)
  return trust.decision(server.root)
end

local function capabilities()
  local out = vim.lsp.protocol.make_client_capabilities()
  out.experimental = vim.tbl_extend('force', out.experimental or {}, { advisor = { status = true } })
  out.workspace.configuration = true
  local pushed = out.textDocument.publishDiagnostics -- Neovim keeps both, though not each version says so
  pushed.codeDescriptionSupport, pushed.dataSupport = true, true
  lenses.capabilities(out)
  return out
end

--- Take out what Neovim can do and shall not: here, since newer versions put it back into what they are given.
local function before_init(params)
  local able = params.capabilities
  able.window.showDocument = nil -- what a command shows comes with its answer, for windows of ours
  -- Findings are sent. Where Neovim asks, 0.10 does not do so again when there are more, and 0.12 asks for the whole
  -- project's then.
  able.textDocument.diagnostic = nil
end

local LEVELS = { 'error', 'warning', 'information', 'log' }

local function handlers()
  return vim.tbl_extend('error', lenses.handlers(), {
    [status.METHOD] = function(_, params)
      status.take(params)
      M.hint_at_trust(params)
    end,
    ['window/logMessage'] = function(_, params)
      say.log(('%s: %s'):format(LEVELS[params.type] or 'log', params.message))
    end,
  })
end

--- Say once for each root that its models are not run, unless the person has decided so.
function M.hint_at_trust(params)
  local root = not params.trusted and roots.of(vim.uri_to_fname(params.uri))
  if root and trust.decision(root) == nil then
    say.once(('%s is not trusted, so its models are read but not run: :AdvisorTrust asks'):format(root), say.news)
  end
end

local function on_attach(client, bufnr)
  lenses.attach(client, bufnr)
  if options.values.on_attach then
    options.values.on_attach(client, bufnr)
  end
end

local function config(server, command, folder)
  local trusted = told(server)
  local environment = program.environment(server.root, trusted == true)
  server.curbed = environment ~= nil
  local settings = next(options.values.settings) and options.values.settings or nil
  local given = { trusted = trusted, settings = settings }
  return {
    name = 'advisor',
    cmd = command,
    cmd_cwd = folder,
    cmd_env = environment,
    root_dir = server.root,
    workspace_folders = { { uri = vim.uri_from_fname(server.root), name = server.root } },
    init_options = next(given) and given or nil,
    settings = { advisor = settings },
    capabilities = capabilities(),
    handlers = handlers(),
    commands = actions.commands(),
    before_init = before_init,
    on_init = function(client)
      client.server_capabilities.diagnosticProvider = nil -- else Neovim asks all the same
    end,
    on_attach = on_attach,
    on_exit = function(code, signal, id)
      vim.schedule(function() M.ended(server, id, code, signal) end)
    end,
  }
end

--- The loaded Python buffers of a root.
local function buffers(root)
  return vim.tbl_filter(function(bufnr)
    return python.is_file(bufnr) and roots.of_buffer(bufnr) == root
  end, vim.api.nvim_list_bufs())
end

local function start(server)
  local command, folder, where = program.server(server.root, told(server) == true)
  server.wanted = false
  server.resting = not command
  if not command then
    say.once(folder, say.problem)
    return false
  end
  say.log(('starting %s (found by %s) for %s'):format(table.concat(command, ' '), where, server.root))
  server.since = editor.uv.now()
  server.id = editor.start(config(server, command, folder))
  server.wanted = server.id ~= nil
  server.resting = not server.id
  if not server.id then
    return false
  end
  for _, bufnr in ipairs(buffers(server.root)) do
    vim.lsp.buf_attach_client(bufnr, server.id)
  end
  following.release(server.place)
  server.place = nil
  return true
end

local function forget_timer(server)
  if server.timer then
    server.timer:stop()
    server.timer:close()
    server.timer = nil
  end
end

--- A server's process is gone: start another after a while that grows, unless it was told to end.
function M.ended(server, id, code, signal)
  if server.id ~= id then
    return
  end
  server.id = nil
  local known = buffers(server.root)
  vim.tbl_map(status.forget, known)
  say.log(('the server of %s ended (exit code %d, signal %d)'):format(server.root, code, signal))
  if leaving or not server.wanted then
    return
  end
  server.place = server.place or following.hold(server.root, known)
  local steady = editor.uv.now() - server.since > STEADY
  server.deaths = steady and 1 or server.deaths + 1
  local delay = M.delays[server.deaths]
  if not delay then
    -- its place is held further: else :AdvisorRestart would begin with what was typed until now and follow no more
    server.wanted, server.resting = false, true
    local often = 'the server of %s ended %d times in a row: :AdvisorLog says why, :AdvisorRestart tries again'
    return say.problem(often:format(server.root, server.deaths))
  end
  local timer = editor.uv.new_timer()
  server.timer = timer
  timer:start(delay, 0, vim.schedule_wrap(function()
    if server.timer == timer then -- else it was stopped when it had fired already
      forget_timer(server)
      start(server)
    end
  end))
end

--- Attach a buffer to the server of its root, which is started when it does not run. Whether there is one, or will be.
function M.attach(bufnr)
  local root = roots.of_buffer(bufnr)
  local server = servers[root] or { root = root, deaths = 0, wanted = false }
  servers[root] = server
  if server.resting then
    return false
  end
  if not editor.client(server.id) then
    return server.timer ~= nil or start(server)
  end
  vim.lsp.buf_attach_client(bufnr, server.id)
  return true
end

--- Whether the server of a buffer's root runs, or is about to.
function M.wanted(bufnr)
  local server = servers[roots.of_buffer(bufnr)]
  return server ~= nil and server.wanted
end

--- The client of the server for a buffer, nil when none runs.
function M.client(bufnr)
  if vim.api.nvim_buf_get_name(bufnr) == '' then
    return nil
  end
  local server = servers[roots.of_buffer(bufnr)]
  local client = server and editor.client(server.id)
  return client and client.initialized and client or nil
end

--- Every running client of ours, by its root.
function M.clients()
  local out = {}
  for root, server in pairs(servers) do
    out[root] = editor.client(server.id)
  end
  return out
end

local function stop(server)
  server.wanted, server.resting, server.deaths = false, false, 0
  forget_timer(server)
  local client = editor.client(server.id)
  if client then
    server.id = nil
    editor.call(client, 'stop')
  end
end

--- Stop the server of a buffer's root and start another; it is started, too, where none ran.
function M.restart(bufnr)
  local server = servers[roots.of_buffer(bufnr)]
  if server then
    stop(server)
  end
  say.again()
  return M.attach(bufnr)
end

--- Tell the servers whose roots it is about of a decision. One that is forgotten cannot be told: they start anew.
function M.trust_changed(root, decision)
  local real = editor.real(root)
  for _, server in pairs(servers) do
    local client = editor.client(server.id)
    if editor.inside(editor.real(server.root), real) and trust.decision(server.root) == decision then
      local lacks = decision and server.curbed -- its environment cannot be changed while it runs
      if client and decision ~= nil and not lacks then
        editor.call(client, 'notify', 'advisor/trust', { trusted = decision })
      elseif server.wanted or decision then
        stop(server)
        start(server)
      end
    end
  end
end

--- Neovim ends: servers that do so, too, are not started again.
function M.leave()
  leaving = true
end

return M
