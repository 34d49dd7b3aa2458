--- `:checkhealth advisor`.

local editor = require('advisor.editor')
local options = require('advisor.options')
local program = require('advisor.program')
local roots = require('advisor.root')
local server = require('advisor.server')
local trust = require('advisor.trust')

local M = {}

local function check_neovim(health)
  local version = vim.version()
  local number = ('%d.%d.%d'):format(version.major, version.minor, version.patch)
  if vim.fn.has('nvim-0.10') == 1 then
    health.ok(('Neovim %s'):format(number))
  else
    health.ok(('Neovim %s (inlay hints are shown from 0.10 on)'):format(number))
  end
end

local function check_setup(health)
  if require('advisor').is_set_up then
    health.ok('setup() was called')
  else
    health.warn('setup() was not called, so nothing starts', { "add require('advisor').setup() to your init.lua" })
  end
  for _, problem in ipairs(options.problems) do
    health.error(problem)
  end
end

local function check_program(health, root)
  local trusted = trust.decision(root) == true
  local command, folder, where = program.command(root, trusted)
  if not command then
    return health.error(folder)
  end
  local text = ('%s, found by %s'):format(table.concat(command, ' '), where)
  table.insert(command, '--version')
  local said, problem = program.output(command, folder, program.environment(root, trusted))
  if not said then
    local advice = { 'install it anew, or set the option cmd' }
    return health.error(('%s does not run: %s'):format(text, vim.trim(problem)), advice)
  end
  health.ok(('%s: %s'):format(text, vim.trim(said)))
end

local function check_servers(health)
  local clients = server.clients()
  if next(clients) == nil then
    return health.info('no server runs: one starts for a Python file that imports torch')
  end
  for root, client in pairs(clients) do
    health.ok(('a server runs for %s (%d buffers)'):format(root, vim.tbl_count(client.attached_buffers)))
  end
end

local function check_trust(health, seen)
  for root in pairs(seen) do
    local decision, problem = trust.decision(root)
    if problem then
      health.warn(('%s: %s'):format(trust.file(), problem))
    elseif decision == nil then
      health.info(('%s: you have not decided whether its code may run (:AdvisorTrust)'):format(root))
    else
      health.ok(('%s: %s'):format(root, decision and 'trusted' or 'not trusted'))
    end
  end
end

--- The roots of the Python files that are open; without any, the current folder's.
local function seen_roots()
  local out = {}
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    if require('advisor.python').is_file(bufnr) then
      out[roots.of_buffer(bufnr)] = true
    end
  end
  if next(out) == nil then
    out[roots.of(vim.fn.getcwd() .. '/file.py')] = true
  end
  return out
end

--- Check everything.
function M.check()
  local health = editor.health()
  local seen = seen_roots()
  health.start('advisor')
  check_neovim(health)
  check_setup(health)
  check_program(health, (next(seen)))
  check_servers(health)
  check_trust(health, seen)
end

return M
