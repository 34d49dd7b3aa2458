--- `advisor doctor` without a server: what a bug report needs, also where none starts.

local program = require('advisor.program')
local roots = require('advisor.root')
local say = require('advisor.say')
local show = require('advisor.show')
local trust = require('advisor.trust')

local M = {}

--- Run it, and show what it prints.
function M.run()
  local name = vim.api.nvim_buf_get_name(0)
  local root = roots.of(name ~= '' and name or vim.fn.getcwd() .. '/file.py')
  local trusted = trust.decision(root) == true
  local command, folder = program.command(root, trusted)
  if not command then
    return say.problem(folder)
  end
  vim.list_extend(command, trusted and { 'doctor', root } or { 'doctor', '--no-run', root })
  local printed = { '' }
  local function collect(_, lines)
    printed[#printed] = printed[#printed] .. lines[1] -- a line may come in parts
    vim.list_extend(printed, lines, 2)
  end
  local job = vim.fn.jobstart(command, {
    cwd = folder,
    env = program.environment(root, trusted),
    on_stdout = collect,
    on_stderr = collect,
    on_exit = function() show.markdown('doctor', table.concat(printed, '\n')) end,
  })
  if job <= 0 then
    say.problem(('cannot run %s: correct the option cmd'):format(command[1]))
  end
end

return M
