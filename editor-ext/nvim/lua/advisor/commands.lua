--- The commands that a person types.

local M = {}

-- modules are loaded when a command needs them: defining the commands costs a start of Neovim nothing
local function lazy(name)
  return require('advisor.' .. name)
end

--- The client for the current buffer; without one, nil and a sentence that says what to do.
local function client_here()
  local client = lazy('server').client(0)
  if not client then
    lazy('say').problem('no server runs for this file: it starts for Python files that import torch (:AdvisorRestart)')
  end
  return client
end

--- Run an action of the server in the current buffer.
local function act(name, arguments)
  local client = client_here()
  if client then
    return lazy('actions')[name](client, arguments, vim.api.nvim_get_current_buf()), client
  end
end

local function uri()
  return vim.uri_from_bufnr(0)
end

local function starting(words, lead)
  return vim.tbl_filter(function(word) return vim.startswith(word:lower(), lead:lower()) end, words)
end

-- ---- completion

local function complete_models(lead)
  return starting(lazy('status').models(vim.api.nvim_get_current_buf()), lead)
end

local function complete_codes(lead)
  local codes = {}
  for _, diagnostic in ipairs(vim.diagnostic.get(0)) do
    local code = lazy('editor').code(diagnostic)
    if diagnostic.source == 'advisor' and code and not vim.tbl_contains(codes, code) then
      table.insert(codes, code)
    end
  end
  table.sort(codes)
  return starting(codes, lead)
end

local function complete_targets(lead)
  local client = lazy('server').client(0)
  local answer = client and lazy('editor').call(client, 'request_sync', 'advisor/targets', vim.empty_dict(), 2000, 0)
  local targets = answer and answer.result and answer.result.targets or {}
  return starting(vim.tbl_map(function(target) return target.name end, targets), lead)
end

-- ---- what they do

local auditing -- { client, request } of the audit that runs

local function audit(given)
  if given.bang then
    if auditing then
      lazy('editor').call(auditing.client, 'cancel_request', auditing.request)
      auditing = nil
    end
    return
  end
  local request, client = act('audit', {})
  if request then
    auditing = { client = client, request = request }
    lazy('say').news('the project is being audited; :AdvisorAudit! stops that')
  end
end

local function target(given)
  act('target', given.args ~= '' and { given.args } or nil)
end

local function model(given)
  if given.args ~= '' then
    return act('table', { { uri = uri(), model = given.args } })
  end
  local line = vim.api.nvim_win_get_cursor(0)[1] - 1
  local here = lazy('status').model_at(vim.api.nvim_get_current_buf(), line)
  act('table', { { uri = uri(), model = here and here.name or nil } })
end

local function fix_all(given)
  act('fix_all', { { uri = uri(), unsafe = given.bang } })
end

local function tell(given)
  if given.args ~= '' then
    return act('tell', { { uri = uri(), model = given.args } })
  end
  if client_here() then
    lazy('asking').model(vim.api.nvim_get_current_buf(), function(name)
      act('tell', { { uri = uri(), model = name } })
    end)
  end
end

local function code_at_cursor()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local found
  for _, diagnostic in ipairs(vim.diagnostic.get(0, { lnum = row - 1 })) do
    if diagnostic.source == 'advisor' and (not found or diagnostic.col <= column) then
      found = lazy('editor').code(diagnostic)
    end
  end
  return found
end

local function explain(given)
  local code = given.args ~= '' and given.args or code_at_cursor()
  if not code then
    return lazy('say').problem('no finding stands in this line: name a code, as in :AdvisorExplain CHN101')
  end
  act('explain', { code })
end

local function doctor()
  if lazy('server').client(0) then
    return act('doctor', {})
  end
  lazy('doctor').run()
end

local function restart()
  if lazy('python').is_file(vim.api.nvim_get_current_buf()) then
    return lazy('server').restart(vim.api.nvim_get_current_buf())
  end
  lazy('say').problem(':AdvisorRestart is about the server of a Python file: open one first')
end

local function log()
  local lines = vim.list_extend({}, lazy('say').logged())
  table.insert(lines, "Neovim's own log of the protocol: " .. lazy('editor').log_file())
  lazy('show').lines('log', lines, '')
  vim.cmd('normal! G')
end

--- Each command: what it does, and the attributes of nvim_create_user_command().
local COMMANDS = {
  AdvisorAudit = { audit, { bang = true, desc = 'Audit the project and show the report; ! stops that' } },
  AdvisorTarget = { target, { nargs = '?', complete = complete_targets, desc = 'Cost models for another target' } },
  AdvisorModel = { model, { nargs = '?', complete = complete_models, desc = 'Show the layers of a model' } },
  AdvisorFixAll = { fix_all, { bang = true, desc = 'Apply all safe fixes of the file; ! the others, too' } },
  AdvisorTell = { tell, { nargs = '?', complete = complete_models, desc = "Tell a model's arguments and inputs" } },
  AdvisorExplain = { explain, { nargs = '?', complete = complete_codes, desc = 'Explain a finding' } },
  AdvisorTrust = {
    function() lazy('asking').trust(vim.api.nvim_get_current_buf()) end,
    { desc = 'Decide whether the code of the project may run' },
  },
  AdvisorDoctor = { doctor, { desc = 'Show what a bug report needs' } },
  AdvisorRestart = { restart, { desc = 'Start the server anew' } },
  AdvisorLog = { log, { desc = 'Show what happened' } },
}

--- Define them.
function M.define()
  for name, about in pairs(COMMANDS) do
    vim.api.nvim_create_user_command(name, about[1], about[2])
  end
end

return M
