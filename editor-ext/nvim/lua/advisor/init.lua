--- The advisor in Neovim: what each layer of a PyTorch model costs, and what to change. See |advisor.txt|.

local M = {}

--- Start to look after Python files that import torch. Options: |advisor-options|.
function M.setup(given)
  local say = require('advisor.say')
  for _, problem in ipairs(require('advisor.options').set(given)) do
    say.problem(problem)
  end
  M.is_set_up = true
  require('advisor.status').highlights()
  require('advisor.buffers').watch()
end

--- The text for the status line: |advisor-status|.
function M.status(options)
  return require('advisor.status').text(options)
end

return M
